// What a draft says of the ledgers that its contract acts on.
#pragma once
#include <contract/package.hpp>

#include "input.hpp"
#include "output.hpp"
#include "session.hpp"

namespace concordat::cli {

// By the contract's names. What is not given comes from the node, which whoever signs accepts: a chain's first block, a
// ceiling of ten times the going price, how long finality takes. Of a route those of the candidates that the node
// reaches and that offer what is needed are taken; it is told which are not, and why.
json::Object ledgers_of(Session& session, const std::vector<std::string>& ledgers,
                        const std::vector<std::string>& routes, const contract::Contract& contract);

}  // namespace concordat::cli
