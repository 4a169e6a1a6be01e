"""What is taken from others, its licences and known vulnerabilities; and that no secret is given away."""
