"""Understanding and deciding: the engine, the policy, the knowledge base's answers, and the skills."""
