"""The location prior: one learned map for all frames, the chance level of models that localise."""
