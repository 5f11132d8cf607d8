// The ledger's own keys: one file, "identity", sealed under a fresh key that the sealing key "ledger-identity" wraps:
// "concordat-keys/1" (16) ‖ wrapped key (40) ‖ A256GCM(key, zero nonce, aad = all before, content), content being the
// two private JWKs and the time of creation in base/wire.hpp encoding.
#pragma once
#include "ledger.hpp"

namespace concordat::ledger::confidential {

// Opens the keys, or makes and stores them when the folder holds no log yet and `create`. Error(tampered) when the file
// is missing beside a log, or does not open.
LedgerKeys load_keys(Ports& ports, bool create);

}  // namespace concordat::ledger::confidential
