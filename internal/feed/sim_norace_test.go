//go:build !race

package feed_test

// usualLives is how many lives are simulated where nobody says how many.
const usualLives = 1000
