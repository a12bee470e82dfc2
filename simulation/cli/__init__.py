"""The terminal: commands, what they print, and how far they are. Nothing imports this room."""

from simulation.cli.commands import main
