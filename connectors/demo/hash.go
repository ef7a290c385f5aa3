package demo

// Everything here is chosen by hashing, never by drawing from a shared source,
// so that a row does not depend on which rows were asked for before.

// mix hashes numbers into one (splitmix64, chained).
func mix(parts ...uint64) uint64 {
	var h uint64 = 0x9e3779b97f4a7c15
	for _, p := range parts {
		h += p + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// hashText hashes a text (FNV-1a).
func hashText(s string) uint64 {
	var h uint64 = 0xcbf29ce484222325
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

// between picks a number from low to high, both included, by h.
func between(h uint64, low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(h%uint64(high-low+1)) //nolint:gosec // the remainder is smaller than an int64
}
