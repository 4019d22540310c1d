"""The artefact that trainers load."""
