"""The platform's controller: holds environments, builds, tasksets, jobs and traces, and serves them
over one HTTP API.
"""
