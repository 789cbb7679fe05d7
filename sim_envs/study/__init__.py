"""All data of one policy study, made by one command."""
