package ledger

// The contexts under which the secrets of records are sealed.

// TokenContext is that of User.Token.
func TokenContext(userID string) string { return "user/" + userID + "/token" }

// SecretContext is that of Connection.Secret.
func SecretContext(connectionID string) string { return "connection/" + connectionID + "/secret" }

// ProgressContext is that of Attempt.Progress.
func ProgressContext(attemptID string) string { return "attempt/" + attemptID + "/progress" }
