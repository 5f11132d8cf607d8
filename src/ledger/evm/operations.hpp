// The ledger's operations in one session each; errors as in reader.hpp.
#pragma once
#include "cursor.hpp"
#include "reader.hpp"

namespace concordat::ledger::evm {

boost::asio::awaitable<Conditions> read_conditions(Session session, std::optional<Address> account);
// Nothing of a chain with fewer than four blocks after its first one.
boost::asio::awaitable<std::optional<Pace>> read_pace(Session session);
boost::asio::awaitable<Plan> make_plan(Session session, Address account, json::Object call);
boost::asio::awaitable<Submission> hand_in(Session session, const Bytes& transaction, Listed listed);
// `filter` is log_filter's. Nothing is remembered: the cursor holds all.
boost::asio::awaitable<EventPage> read_events(Session session, json::Object filter, std::optional<Cursor> cursor,
                                              std::size_t limit);

}  // namespace concordat::ledger::evm
