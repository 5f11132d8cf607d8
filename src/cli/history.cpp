#include "history.hpp"

#include <algorithm>
#include <schema/disclosure.hpp>
#include <set>

namespace concordat::cli {

namespace {

constexpr std::int64_t page = 100;
constexpr std::int64_t max_entries_read = 100'000;

void collect(const json::Value& value, std::vector<std::string>& out) {
    if (const auto* array = value.if_array()) {
        for (const json::Value& item : *array) collect(item, out);
    }
    const auto* object = value.if_object();
    if (object == nullptr) return;
    for (const auto& member : *object) {
        if (member.key() != "_sd" || !member.value().is_array()) {
            collect(member.value(), out);
            continue;
        }
        for (const json::Value& digest : member.value().get_array()) {
            if (digest.is_string()) out.emplace_back(digest.get_string());
        }
    }
}

class Search {
  public:
    Search(const Hash256& binding, const client::AudienceKeys& keys, const json::Object& state)
        : binding_(binding), keys_(keys) {
        const auto digests = hidden_digests(json::Value(state));
        wanted_.insert(digests.begin(), digests.end());
    }
    bool done() const { return wanted_.empty(); }
    std::vector<proof::Opened> take() { return std::move(found_); }

    void look(const json::Object& sealed) {
        for (const auto& [audience, box] : sealed) {
            for (auto& one : client::open_disclosures(json::Object{{audience, box}}, binding_, keys_)) {
                if (one.at != "state") continue;
                // What this one shows may itself hold digests that are wanted: nothing confidential is below another.
                if (wanted_.erase(schema::digest_text(one.text)) == 0) continue;
                found_.push_back({one.at, std::string(audience), one.name, std::move(one.value), one.text});
            }
        }
    }

  private:
    Hash256 binding_;
    const client::AudienceKeys& keys_;
    std::set<std::string> wanted_;
    std::vector<proof::Opened> found_;
};

}  // namespace

std::vector<std::string> hidden_digests(const json::Value& redacted) {
    std::vector<std::string> out;
    collect(redacted, out);
    return out;
}

contract::Entry last_entry(const proof::Receipt& receipt) {
    if (receipt.entries.empty()) throw Error(Code::bad_receipt, "/receipt/entries", "must hold an entry");
    return contract::Entry::parse(receipt.entries.back().document);
}

std::vector<proof::Opened> open_state(Session& session, const proof::Receipt& receipt,
                                      const crypto::EncryptionPrivateKey& key) {
    const contract::Entry last = last_entry(receipt);
    const contract::Entry locked = proof::version_entry(receipt, receipt.entries.size() - 1);
    const client::AudienceKeys keys = client::open_audience_keys(locked.audiences, key);
    if (keys.empty()) return {};
    Search search(last.binding, keys, receipt.state);
    search.look(receipt.sealed);
    const std::int64_t oldest = std::max(locked.sequence, last.sequence - max_entries_read);
    for (std::int64_t end = last.sequence; !search.done() && end > oldest; end -= page) {
        const std::int64_t begin = std::max(oldest, end - page);  // sequences begin … end-1
        const json::Array entries =
            session.collect("/v1/bindings/" + last.binding.text() + "/entries?limit=" + std::to_string(end - begin) +
                                "&after=" + std::to_string(begin - 1),
                            "entries", static_cast<std::size_t>(end - begin));
        for (auto one = entries.rbegin(); one != entries.rend() && !search.done(); ++one)
            search.look(one->at("sealed").as_object());
    }
    return search.take();
}

}  // namespace concordat::cli
