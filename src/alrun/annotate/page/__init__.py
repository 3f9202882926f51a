"""The page of ``alrun label``: a browser gets these files as they are."""
