"""``dss=``: training on a chosen part of the labeled set (data subset selection)."""
