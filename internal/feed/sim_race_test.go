//go:build race

package feed_test

// usualLives is how many lives are simulated where nobody says how many: the
// race detector makes each several times as long.
const usualLives = 150
