// Token buckets by key, for a bounded number of keys.
#pragma once
#include <algorithm>
#include <cstdint>
#include <unordered_map>

namespace concordat::http {

template <class Key>
class RateLimit {
  public:
    static constexpr std::size_t max_keys = 65536;

    RateLimit(double per_second, double burst) : per_ns_(per_second / 1e9), burst_(std::max(burst, 1.0)) {}

    // Takes a token: 0 when there was one, else the seconds (at least 1) until there is.
    int take(const Key& key, std::int64_t now_ns) {
        if (per_ns_ <= 0) return 0;
        Bucket& bucket = bucket_of(key, now_ns);
        refill(bucket, now_ns);
        if (bucket.tokens >= 1) {
            bucket.tokens -= 1;
            return 0;
        }
        return 1 + static_cast<int>(std::min((1 - bucket.tokens) / per_ns_ / 1e9, 3600.0));
    }
    std::size_t size() const { return buckets_.size(); }

  private:
    struct Bucket {
        double tokens = 0;
        std::int64_t at_ns = 0;
    };

    void refill(Bucket& bucket, std::int64_t now_ns) const {
        bucket.tokens = std::min(burst_, bucket.tokens + static_cast<double>(now_ns - bucket.at_ns) * per_ns_);
        bucket.at_ns = now_ns;
    }

    Bucket& bucket_of(const Key& key, std::int64_t now_ns) {
        if (const auto found = buckets_.find(key); found != buckets_.end()) return found->second;
        if (buckets_.size() >= max_keys) forget_quiet(now_ns);
        if (buckets_.size() >= max_keys) return shared_;  // a flood of addresses shares one allowance
        return buckets_.emplace(key, Bucket{burst_, now_ns}).first->second;
    }

    // A full bucket is as good as none. Looked for at most once a second, because it walks all of them.
    void forget_quiet(std::int64_t now_ns) {
        if (now_ns - swept_ns_ < 1'000'000'000) return;
        swept_ns_ = now_ns;
        for (auto item = buckets_.begin(); item != buckets_.end();) {
            refill(item->second, now_ns);
            item = item->second.tokens >= burst_ ? buckets_.erase(item) : std::next(item);
        }
    }

    double per_ns_;
    double burst_;
    std::unordered_map<Key, Bucket> buckets_;
    Bucket shared_;
    std::int64_t swept_ns_ = 0;
};

}  // namespace concordat::http
