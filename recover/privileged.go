package recovery

// Privileged is an optional ability of a recovery: it says why it is given more than a responder has. "" is nothing more.
// Reports show it.
type Privileged interface {
	Privilege() string
}

// Privileged says that the command is given more than a responder has, by [HostCommand.With] or by its own means, and why:
// "the superuser's password, to create roles". Reports show it.
func (c *HostCommand) Privileged(why string) *HostCommand {
	c.privileged = why
	return c
}

// Privilege is what [HostCommand.Privileged] was told.
func (c *HostCommand) Privilege() string { return c.privileged }

// Privileged says that the script is given more than a responder has, by [NodeCommand.With] or by another user than the
// server's, and why. Reports show it.
func (c *NodeCommand) Privileged(why string) *NodeCommand {
	c.privileged = why
	return c
}

// Privilege is what [NodeCommand.Privileged] was told.
func (c *NodeCommand) Privilege() string { return c.privileged }
