package sandbox

import "github.com/bank-connections/bkper-bot/internal/money"

// signed turns debits less credits into the balance as the owner of a reads
// it: positive is what is usual for its type.
func signed(balance money.Decimal, a *account) money.Decimal {
	if credits(a.Type) {
		return balance.Neg()
	}
	return balance
}
