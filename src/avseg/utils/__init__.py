"""Each mechanism once: errors, atomic files, weight files, memory."""
