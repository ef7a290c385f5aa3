// Package bkper speaks to Bkper: the REST API v5 as far as a bank feed needs
// it, and the events that Bkper sends.
//
// Every failed call says what is known of its effect: OutcomeOf tells a call
// that surely did nothing from one of which nobody knows. What is unknown is
// for the caller to look up (FindRemoteID) before doing it again.
package bkper
