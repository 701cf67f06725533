"""The Chromium that draws pages: which one, how it is steered, when it is worth its cost."""
