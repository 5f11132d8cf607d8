#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

namespace {

int deep(int n) {
    volatile char frame[256];
    frame[n % 256] = 1;
    const int below = deep(n + 1);
    return below + frame[n % 256];
}

}  // namespace

struct Rogue {
    void init(Context& context) { context.state() = Value::object({{"pokes", 0}}); }

    void poke(Context& context) {
        const std::string way = string_of(context.message(), "way");
        Value& state = context.state();
        state["pokes"] = int_of(state, "pokes") + 1;
        if (way == "loop") {
            for (volatile std::uint64_t n = 0;; n = n + 1) {
            }
        }
        if (way == "memory") {
            std::string all;
            while (true) all.append(1 << 16, 'x');
        }
        if (way == "stack") state["pokes"] = deep(1);
        if (way == "trap") __builtin_trap();
        if (way == "abort") abort_with("not_now", "as asked");
        if (way == "output") context.emit_event("large", Value::object({{"text", std::string((1 << 20) + 1, 'x')}}));
        if (way == "events") {
            for (int i = 0; i < 100; ++i) context.emit_event("many", Value(Object()));
        }
        if (way == "effect") context.emit_effect("transfer", Value(Object()));
        if (way == "state") state["pokes"] = "many";
        if (way == "member") state["unheard_of"] = 1;
        if (way == "result") context.result(Value(Object()));
        if (way == "secret") state["secret"] = "the reserve price is 4711";
    }
};

CONCORDAT_CONTRACT(Rogue, CONCORDAT_ACTION("poke", poke));
