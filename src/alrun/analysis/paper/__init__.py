"""The paper's figures and tables, ours beside its own. README.md tells where its numbers come from."""
