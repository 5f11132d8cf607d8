// Inputs from the node's frame to what waits for the ledger.
#include <algorithm>
#include <base/clock.hpp>

#include "core.hpp"

namespace concordat::enclave {

namespace {
constexpr std::size_t least_part = 8;        // of what is under way: a batch has its price
constexpr std::size_t pieces_at_once = 4;    // before what is done, here and by helpers, is looked at again
constexpr std::int64_t turn_ns = 5'000'000;  // then node and ledger are heard again, however slow the inputs are
}  // namespace

void Core::begin(const Frame& frame) {
    std::unique_ptr<Job> job = fresh_job(frame.id);
    job->in = decode_execute(frame.payload);
    begin(std::move(job));
}

std::unique_ptr<Job> Core::fresh_job(std::uint64_t request) {
    while (jobs_.under_way() >= options_.max_inputs || jobs_.input_bytes() >= options_.max_input_bytes) turn();
    std::unique_ptr<Job> job = jobs_.fresh();
    job->request = request;
    return job;
}

void Core::begin(std::unique_ptr<Job> job) {
    job->context = held(job->in.binding);
    ++job->context->in_flight;
    jobs_.add(std::move(job));
}

void Core::begin(std::uint64_t request, Act&& in, Make&& make) {
    std::unique_ptr<Job> job = fresh_job(request);
    job->in = Execute{in.binding, in.time, std::string(text_of(in.input)), {}, std::move(in.trace)};
    job->act = std::move(make);
    begin(std::move(job));
}

bool Core::turn() {
    const std::size_t before = jobs_.under_way();
    // While the ledger has nothing a part only, so that it has something soon: there is more to do here meanwhile.
    const std::size_t part = std::clamp(in_flight_ == 0 ? before / 2 : before,
                                        std::min(least_part, options_.turn_inputs), options_.turn_inputs);
    const std::size_t goal = before - std::min(before, part);
    collect();
    const std::int64_t until = monotonic_ns() + turn_ns;
    for (bool waited = false; jobs_.under_way() > goal && monotonic_ns() < until;) {
        bool began = true;
        for (std::size_t i = 0; began && i < pieces_at_once && monotonic_ns() < until; ++i) began = jobs_.step();
        collect();
        if (began || jobs_.under_way() <= goal) continue;
        // What a helper has in hand is done in a moment. If it is not, the rest need not wait for it.
        if (std::exchange(waited, true)) break;
        jobs_.wait();
    }
    send_batches();
    return jobs_.under_way() > 0;
}

void Core::run_all() {
    while (jobs_.under_way() > 0) {
        if (!jobs_.step()) jobs_.wait();
        collect();
    }
}

void Core::collect() {
    for (std::unique_ptr<Job>& job : jobs_.take_done()) {
        Context& context = *job->context;
        if (job->error) {
            --context.in_flight;
            not_recorded(job->request, job->in.trace, *job->error);
        } else if (still_held(context.binding.id, context.generation) == nullptr) {
            not_recorded(job->request, job->in.trace, built_on_nothing());
        } else {
            Pending made{.request = job->request,
                         .binding = context.binding.id,
                         .generation = context.generation,
                         .id = job->id,
                         .record = std::move(job->record),
                         .accounts = std::move(job->accounts),
                         .refusal = std::move(job->refusal),
                         .signed_transaction = std::move(job->signed_transaction),
                         .trace = std::move(job->in.trace)};
            pending_bytes_ += made.size();
            pending_.push_back(std::move(made));
        }
        jobs_.hand_back(std::move(job));
    }
    jobs_.keep_back(pending_bytes_);
}

}  // namespace concordat::enclave
