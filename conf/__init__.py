"""The configuration tree of alrun, shipped as the package alrun.conf."""
