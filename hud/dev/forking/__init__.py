"""Environments of this machine: each version a fork of a process that has the libraries loaded."""
