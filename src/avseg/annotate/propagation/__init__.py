"""Carry masks from accepted frames through an audible segment."""
