"""The scenarios, a folder a family, and what runs them. `@scenario` is the only catalogue."""
