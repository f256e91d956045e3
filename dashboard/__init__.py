"""The pages that show what the controller's API says."""
