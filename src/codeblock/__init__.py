"""CodeBlock: fine-tune code models on the parts of each response that are worth learning."""

__version__ = "0.1.0"
