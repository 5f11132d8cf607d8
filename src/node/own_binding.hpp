// The bindings of this node as ledgers to each other: ledger/binding without a network in between.
#pragma once
#include <boost/asio/io_context.hpp>
#include <ledger/ledger.hpp>
#include <memory>

namespace concordat::node {

class Node;

// `chain` names the called binding, whether it runs here already or not. `node` must outlive what is returned.
std::unique_ptr<ledger::Ledger> make_own_binding(boost::asio::io_context& loop, Node& node, const std::string& chain);

}  // namespace concordat::node
