#include "fields.hpp"

#include "html.hpp"

namespace concordat::audit {
namespace {

constexpr std::string_view digests_member = "_sd";
constexpr std::string_view sealed_member = "(sealed)";

class Reading {
  public:
    Reading(const Opened& opened, Facts& counts, std::size_t max_bytes)
        : opened_(opened), counts_(counts), left_(max_bytes) {}

    std::vector<Field> top(const json::Object& redacted) {
        add_members("", redacted, max_depth);
        if (more_) out_.push_back({.name = "…", .value = "more, in the receipt"});
        return std::move(out_);
    }

  private:
    static bool is_digests(std::string_view name, const json::Value& value) {
        return name == digests_member && value.is_array();
    }
    // Objects within objects: "buyer › cash".
    void add_members(const std::string& before, const json::Object& redacted, int depth) {
        for (const auto& member : redacted) {
            const std::string name = before + std::string(member.key());
            const auto* object = member.value().if_object();
            if (is_digests(member.key(), member.value())) {
                add_hidden(before, member.value().get_array());
            } else if (object != nullptr && !object->empty() && depth > 1) {
                add_members(name + " › ", *object, depth - 1);
            } else {
                add(field(name, shown(member.value())));
            }
        }
    }
    void add(Field one) {
        const std::size_t bytes = one.name.size() + one.value.size();
        more_ = more_ || out_.size() >= max_fields || bytes > left_;
        if (more_) return;
        left_ -= bytes;
        out_.push_back(std::move(one));
    }
    static Field field(const std::string& name, const json::Value& value) {
        const auto* text = value.if_string();
        const std::string all = text != nullptr ? std::string(*text) : json::canonical(value);
        return {.name = cut(name, max_field_bytes), .value = cut(all, max_field_bytes)};
    }
    const schema::Disclosure* open(const json::Value& digest) {
        const auto* text = digest.if_string();
        const schema::Disclosure* found = text == nullptr ? nullptr : opened_.find(*text);
        ++(found == nullptr ? counts_.sealed_fields : counts_.opened_fields);
        return found;
    }
    void add_hidden(const std::string& before, const json::Array& digests) {
        std::size_t hidden = 0;
        for (const json::Value& digest : digests) {
            const schema::Disclosure* found = open(digest);
            if (found == nullptr) {
                ++hidden;
            } else {
                Field one = field(before + found->name, found->value);
                one.opened = true;
                add(std::move(one));
            }
        }
        if (hidden == 0) return;
        add({.name = before + std::to_string(hidden) + (hidden == 1 ? " field" : " fields"),
             .value = "confidential",
             .sealed = true});
    }
    // The same below the top, where a count stands for what is hidden.
    json::Value shown(const json::Value& value) {
        if (const auto* array = value.if_array()) {
            json::Array out;
            for (const json::Value& item : *array) out.push_back(shown(item));
            return out;
        }
        const auto* object = value.if_object();
        if (object == nullptr) return value;
        json::Object out;
        for (const auto& member : *object) {
            if (!is_digests(member.key(), member.value())) {
                out[member.key()] = shown(member.value());
                continue;
            }
            std::int64_t hidden = 0;
            for (const json::Value& digest : member.value().get_array()) {
                const schema::Disclosure* found = open(digest);
                if (found == nullptr) {
                    ++hidden;
                } else {
                    out[found->name] = found->value;
                }
            }
            if (hidden > 0) out[sealed_member] = hidden;
        }
        return out;
    }

    static constexpr int max_depth = 3;

    const Opened& opened_;
    Facts& counts_;
    std::size_t left_;
    bool more_ = false;
    std::vector<Field> out_;
};

}  // namespace

void Opened::add(const proof::Opened& one) {
    if (by_digest_.size() >= max_kept) by_digest_.clear();  // what is shown as confidential then, is so all the same
    by_digest_.emplace(schema::digest_text(one.disclosure), schema::parse_disclosure(one.disclosure, "/disclosure"));
}

const schema::Disclosure* Opened::find(std::string_view digest) const {
    const auto found = by_digest_.find(digest);
    return found == by_digest_.end() ? nullptr : &found->second;
}

std::vector<Field> fields_of(const json::Object& redacted, const Opened& opened, Facts& counts, std::size_t max_bytes) {
    return Reading(opened, counts, max_bytes).top(redacted);
}

}  // namespace concordat::audit
