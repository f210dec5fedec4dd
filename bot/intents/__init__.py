"""What the bot understands and can do: engines, the policy over them, and the skills."""
