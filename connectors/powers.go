package connectors

// Powers names what c can do besides reading accounts and transactions:
// "link", "revoke", "webhook". It is computed from what c implements, so that
// it cannot disagree with the code.
func Powers(c Connector) []string {
	var powers []string
	if _, ok := c.(Linker); ok {
		powers = append(powers, "link")
	}
	if _, ok := c.(Revoker); ok {
		powers = append(powers, "revoke")
	}
	if _, ok := c.(WebhookVerifier); ok {
		powers = append(powers, "webhook")
	}
	return powers
}
