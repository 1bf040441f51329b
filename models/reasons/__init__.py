"""Sentences for the codes of reasons: what happened and what to do, in Chinese and English."""
