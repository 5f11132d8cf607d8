// The simulated world: clients with messages, one or two nodes with their enclaves, a record ledger and chains, and the
// troubles that befall them. Each message is a transaction of several steps on the chains. The driver, the coordinator,
// the rules of saga and journal and the chains' judgement are the production ones.
#pragma once
#include "node.hpp"

namespace concordat::simulation {

class World {
  public:
    explicit World(const Options& options);
    // Runs the whole history; throws Violation.
    Counts run();

  private:
    void next_trouble();
    void trouble();
    void rare_trouble();
    void people();
    void give_up(std::size_t binding);
    void crash_ledger();
    void silence(const std::string& name);
    void outsider();
    void bad_endpoint(Node& node);
    void wrong_clock(Node& node);
    void full_record();
    void full_index(Node& node);
    void end_troubles();
    bool finished();
    void count();
    Node& any_node() { return *nodes_[setting_.pick(nodes_.size())]; }

    Setting setting_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace concordat::simulation
