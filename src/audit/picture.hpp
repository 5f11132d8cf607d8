// The flow of a transaction as pictures (SVG): a lane for the parties, one for the record ledger and one for every
// other ledger; time goes down. Calls are arrows to a ledger's lane, what became of them is a box there, the entry that
// says so a box on the record ledger's lane.
#pragma once
#include "facts.hpp"
#include "html.hpp"

namespace concordat::audit {

// Each fits on a page. What a picture shows, its text says too (title, desc).
void draw(Html& html, const TransactionFact& transaction);

}  // namespace concordat::audit
