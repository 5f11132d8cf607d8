#include "jobs.hpp"

#include <base/clock.hpp>

namespace concordat::enclave {

// What is done under the mutex takes less time than to fall asleep and be woken.
class SoonLocked : public std::unique_lock<std::mutex> {
  public:
    explicit SoonLocked(std::mutex& mutex) : std::unique_lock<std::mutex>(mutex, std::defer_lock) { again(); }
    void again() {
        constexpr int tries = 200;
        for (int i = 0; i < tries; ++i) {
            if (try_lock()) return;
#ifdef __x86_64__
            __builtin_ia32_pause();
#endif
        }
        lock();
    }
};

// The jobs of one binding, in order.
struct Lane {
    std::deque<std::unique_ptr<Job>> jobs;
    bool running = false;
};

namespace {

// Work comes in quick succession or not for long: waking a thread costs about as much as looking for this long.
constexpr std::int64_t look_ns = 15'000;
constexpr auto wait_time = std::chrono::microseconds(200);
constexpr std::size_t max_spare = 256;

// Whatever ends a piece of work becomes its error.
template <class Work>
void or_error(std::optional<Error>& error, Work work) {
    try {
        work();
    } catch (const Error& problem) {
        error = problem;
    } catch (const std::exception& problem) {
        error = Error(Code::internal, "", problem.what());
    }
}

}  // namespace

Jobs::Jobs(std::size_t helpers, const runtime::Limits& limits, std::size_t max_made_bytes)
    : limits_(limits), max_made_bytes_(max_made_bytes) {
    for (std::size_t i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
}

Jobs::~Jobs() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
}

std::unique_ptr<Job> Jobs::fresh() {
    if (spare_.empty()) return std::make_unique<Job>();
    std::unique_ptr<Job> job = std::move(spare_.back());
    spare_.pop_back();
    return job;
}

void Jobs::hand_back(std::unique_ptr<Job> job) {
    if (spare_.size() >= max_spare) return;
    job->context.reset();
    job->error.reset();
    job->refusal.reset();
    job->act = nullptr;
    job->sign = nullptr;
    job->signed_transaction.reset();
    job->is_prepared_ = false;
    job->prepared_.reset();
    job->memory_.release();
    spare_.push_back(std::move(job));
}

void Jobs::add(std::unique_ptr<Job> job) {
    ++under_way_;
    input_bytes_ += job->in.input.size();
    bool wake = false;
    {
        const SoonLocked lock(mutex_);
        std::unique_ptr<Lane>& lane = lanes_[job->context.get()];
        if (!lane) lane = fresh_lane();
        job->lane_ = lane.get();
        job->is_prepared_ = job->is_act();
        if (!job->is_prepared_) {
            to_prepare_.push_back(job.get());
            ++to_begin_;
        }
        lane->jobs.push_back(std::move(job));
        if (lane->jobs.size() == 1 && lane->jobs.front()->is_prepared_) make_ready(*lane);
        // One piece is the caller's own: a lone input is done sooner without waking anybody.
        wake = to_begin_ > 1 && asleep_ > 0;
    }
    if (wake) wake_.notify_one();
}

std::unique_ptr<Lane> Jobs::fresh_lane() {
    if (spare_lanes_.empty()) return std::make_unique<Lane>();
    std::unique_ptr<Lane> lane = std::move(spare_lanes_.back());
    spare_lanes_.pop_back();
    return lane;
}

void Jobs::make_ready(Lane& lane) {
    ready_.push_back(&lane);
    ++to_begin_;
}

bool Jobs::step() {
    SoonLocked lock(mutex_);
    return one_piece(lock);
}

// Begins nothing that has to wait for another piece. Unlocked while it works.
bool Jobs::one_piece(SoonLocked& lock) {
    if (!ready_.empty()) {
        Lane& lane = *ready_.front();
        ready_.pop_front();
        --to_begin_;
        lane.running = true;
        Job& job = *lane.jobs.front();
        lock.unlock();
        run_one(job);
        lock.again();
        lane.running = false;
        done_.push_back(std::move(lane.jobs.front()));
        lane.jobs.pop_front();
        job.slots_.release();  // its place among the entries is certain
        if (lane.jobs.empty()) {
            const auto ended = lanes_.find(job.context.get());
            if (spare_lanes_.size() < max_spare) spare_lanes_.push_back(std::move(ended->second));
            lanes_.erase(ended);
        } else if (lane.jobs.front()->is_prepared_) {
            make_ready(lane);
        }
    } else if (!to_prepare_.empty()) {
        Job& job = *to_prepare_.front();
        to_prepare_.pop_front();
        --to_begin_;
        lock.unlock();
        prepare_one(job);
        lock.again();
        job.is_prepared_ = true;
        if (!job.lane_->running && job.lane_->jobs.front().get() == &job) make_ready(*job.lane_);
    } else {
        return false;
    }
    return true;
}

void Jobs::prepare_one(Job& job) const {
    or_error(job.error, [&] { job.prepared_ = prepare(*job.context, job.in.input, &job.memory_); });
}

void Jobs::run_one(Job& job) {
    Context& context = *job.context;
    if (!job.error && kept_back_ + made_bytes_ >= max_made_bytes_) {
        job.error = Error(Code::busy, "/ledger", "too many entries wait for the record ledger");
    }
    if (job.error) return;
    or_error(job.refusal, [&] {
        if (job.sign) {
            job.signed_transaction = job.sign(context);
            return;
        }
        Link link = make(job);
        job.record = std::move(link.record);
        job.accounts = link.slots.accounts();
        job.slots_ = std::move(link.slots);
        context.advance(std::move(link.head));
        made_bytes_ += job.record.size();
    });
    job.id = context.head.id;
}

Link Jobs::make(Job& job) {
    const Context& context = *job.context;
    if (job.act) return job.act(context, bytes_of(job.in.input), slots_);
    return execute(context, job.in.input, *job.prepared_, job.in.time, job.in.ancestry, job.in.routes, limits_, slots_);
}

std::vector<std::unique_ptr<Job>> Jobs::take_done() {
    std::vector<std::unique_ptr<Job>> out;
    {
        const SoonLocked lock(mutex_);
        out.swap(done_);
    }
    for (const auto& job : out) {
        --under_way_;
        input_bytes_ -= job->in.input.size();
        if (!job->error && !job->refusal && !job->sign) made_bytes_ -= job->record.size();
    }
    return out;
}

void Jobs::wait() {
    std::unique_lock lock(mutex_);
    finished_.wait_for(lock, wait_time, [this] { return to_begin_ > 0 || !done_.empty(); });
}

void Jobs::help() {
    SoonLocked lock(mutex_);
    while (!ending_) {
        if (one_piece(lock)) {
            finished_.notify_one();
            continue;
        }
        lock.unlock();
        for (const std::int64_t until = monotonic_ns() + look_ns; to_begin_ == 0 && monotonic_ns() < until;) {
            std::this_thread::yield();
        }
        lock.lock();
        ++asleep_;
        wake_.wait(lock, [this] { return ending_ || to_begin_ > 0; });
        --asleep_;
    }
}

}  // namespace concordat::enclave
