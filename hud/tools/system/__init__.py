"""What tools need of the machine: whose rights they have, which files they may touch, and
processes.
"""
