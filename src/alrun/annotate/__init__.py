"""The way to the annotator: labeling projects, the page, and files of annotation tools."""
