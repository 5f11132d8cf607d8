#include "disclosure.hpp"

#include <crypto/hash.hpp>

#include <algorithm>
#include <unordered_map>

#include "node.hpp"

namespace concordat::schema {
namespace {

constexpr std::size_t max_reveal_depth = 32;

// No object in a document or a disclosed value may hold a reserved name, except `_sd` where a digest list may stand.
bool holds_reserved_name(const json::Value& value) {
    if (const auto* array = value.if_array()) return std::any_of(array->begin(), array->end(), holds_reserved_name);
    const auto* object = value.if_object();
    if (object == nullptr) return false;
    return std::any_of(object->begin(), object->end(), [](const auto& member) {
        return is_reserved_name(member.key()) || holds_reserved_name(member.value());
    });
}

class Redactor {
  public:
    Redactor(const Compiled& schema, const SaltSource& salt) : schema_(schema), salt_(salt) {}

    Redaction run(const json::Value& plain) {
        Redaction out;
        out.value = copy(schema_.nodes[schema_.root], plain);
        out.disclosures = std::move(disclosures_);
        return out;
    }

  private:
    json::Value copy(const Node& node, const json::Value& value) {
        if (!node.has_confidential) return value;
        const auto& object = value.get_object();
        json::Object out;
        std::vector<std::string> digests;
        for (const auto& property : node.properties) {
            const auto* member = object.if_contains(property.name);
            if (member == nullptr) continue;
            path_.push_back(property.name);
            if (property.confidential())
                digests.push_back(disclose(property, *member));
            else
                out.emplace(property.name, copy(schema_.nodes[property.node], *member));
            path_.pop_back();
        }
        if (!digests.empty()) {
            std::sort(digests.begin(), digests.end());  // the order must not tell which property is which
            json::Array list;
            list.reserve(digests.size());
            for (const auto& digest : digests) list.emplace_back(digest);
            out.emplace("_sd", std::move(list));
        }
        return out;
    }

    std::string disclose(const Property& property, const json::Value& value) {
        const Salt salt = salt_(path_);
        std::string content = "[\"" + to_base64url(salt) + "\",";
        json::append_canonical(content, json::Value(property.name));
        content += ',';
        json::append_canonical(content, value);
        content += ']';
        Disclosure disclosure{to_base64url(bytes_of(content)), property.name, value, path_, property.audience, {}};
        if (disclosure.text.size() > max_disclosure_bytes)
            throw Error(Code::too_large, "/" + property.name, "must make a disclosure of at most 1 MiB");
        disclosure.digest = crypto::sha256(disclosure.text);
        disclosures_.push_back(std::move(disclosure));
        return to_base64url(disclosures_.back().digest.view());
    }

    const Compiled& schema_;
    const SaltSource& salt_;
    std::vector<std::string> path_;
    std::vector<Disclosure> disclosures_;
};

// The disclosures at hand, by digest; each may be used once and must be.
class Held {
  public:
    struct One {
        Disclosure disclosure;
        std::size_t index = 0;
        bool used = false;
    };

    explicit Held(std::span<const std::string> texts) {
        if (texts.size() > max_disclosures) throw Error(Code::too_large, "/disclosures", "must be at most 4096");
        for (std::size_t i = 0; i < texts.size(); ++i) {
            One one{parse_disclosure(texts[i], name(i)), i};
            std::string digest = to_base64url(one.disclosure.digest.view());
            if (!by_digest_.emplace(std::move(digest), std::move(one)).second)
                throw Error(Code::bad_format, name(i), "must not be given twice");
        }
    }

    // Null when it is not among those held.
    One* take(const std::string& digest) {
        const auto found = by_digest_.find(digest);
        if (found == by_digest_.end()) return nullptr;
        if (found->second.used) throw Error(Code::bad_format, name(found->second.index), "must not match two digests");
        found->second.used = true;
        return &found->second;
    }

    void finish() const {
        const One* unused = nullptr;
        for (const auto& [digest, one] : by_digest_) {
            if (!one.used && (unused == nullptr || one.index < unused->index)) unused = &one;
        }
        if (unused != nullptr)
            throw Error(Code::bad_format, name(unused->index), "must match a digest of the document");
    }

    static std::string name(std::size_t index) { return "/disclosures/" + std::to_string(index); }

  private:
    std::unordered_map<std::string, One> by_digest_;
};

// The digests of an object's "_sd", checked; empty when it has none.
std::vector<std::string> read_digests(const json::Object& object, const At& at, std::string_view what) {
    std::vector<std::string> digests;
    const auto* list = object.if_contains("_sd");
    if (list == nullptr) return digests;
    const auto fail = [&](const char* rule) { throw Error(Code::bad_format, at.member("_sd").pointer(what), rule); };
    if (!list->is_array() || list->get_array().empty()) fail("must be a non-empty array of digests");
    for (const auto& item : list->get_array()) {
        if (!item.is_string()) fail("must be a non-empty array of digests");
        std::string digest(item.get_string());
        const auto bytes = from_base64url(digest);
        if (!bytes || bytes->size() != 32) fail("must hold base64url SHA-256 digests");
        if (!digests.empty() && digests.back() >= digest) fail("must be in strictly ascending order");
        digests.push_back(std::move(digest));
    }
    return digests;
}

class Restorer {
  public:
    Restorer(const Compiled& schema, Held& held, std::string_view what) : schema_(schema), held_(held), what_(what) {}

    json::Value copy(const Node& node, const json::Value& value, const At& at) {
        const auto* object = value.if_object();
        if (!node.has_confidential || object == nullptr) return value;  // the final validation judges what this is
        json::Object out;
        out.reserve(object->size() + 4);
        for (const auto& member : *object) {
            const std::string_view name = member.key();
            if (name == "_sd") continue;
            const At here = at.member(name);
            const auto* property = node.find(name);
            if (property == nullptr) fail(here, "is not a property of this object");
            if (property->confidential()) fail(here, "is confidential and must not stand in a redacted document");
            out.emplace(name, copy(schema_.nodes[property->node], member.value(), here));
        }
        for (const auto& digest : read_digests(*object, at, what_)) put(node, out, digest, at);
        return out;
    }

  private:
    [[noreturn]] void fail(const At& at, std::string rule) const {
        throw Error(Code::bad_format, at.pointer(what_), std::move(rule));
    }

    void put(const Node& node, json::Object& out, const std::string& digest, const At& at) {
        auto* one = held_.take(digest);
        if (one == nullptr) fail(at.member("_sd"), "has the digest " + digest + " without its disclosure");
        const std::string& name = one->disclosure.name;
        const auto* property = node.find(name);
        if (property == nullptr || !property->confidential())
            throw Error(Code::bad_format, Held::name(one->index),
                        "must name a confidential property of the place where its digest stands");
        if (!out.emplace(name, std::move(one->disclosure.value)).second)
            throw Error(Code::bad_format, Held::name(one->index), "must not name a property that another one names");
    }

    const Compiled& schema_;
    Held& held_;
    std::string_view what_;
};

class Revealer {
  public:
    Revealer(Held& held, std::string_view what) : held_(held), what_(what) {}

    json::Value copy(const json::Value& value, const At& at, std::size_t depth) {
        if (depth > max_reveal_depth)
            throw Error(Code::too_large, at.pointer(what_), "must not be nested deeper than 32");
        if (const auto* array = value.if_array()) {
            json::Array out;
            out.reserve(array->size());
            for (std::size_t i = 0; i < array->size(); ++i) out.push_back(copy((*array)[i], at.item(i), depth + 1));
            return out;
        }
        const auto* object = value.if_object();
        if (object == nullptr) return value;
        json::Object out;
        for (const auto& member : *object) {
            const At here = at.member(member.key());
            if (member.key() == "...") throw Error(Code::bad_format, here.pointer(what_), "is a reserved name");
            if (member.key() != "_sd") out.emplace(member.key(), copy(member.value(), here, depth + 1));
        }
        put_held(out, read_digests(*object, at, what_));
        return out;
    }

  private:
    void put_held(json::Object& out, const std::vector<std::string>& digests) {
        json::Array left;
        for (const auto& digest : digests) {
            auto* one = held_.take(digest);
            if (one == nullptr)
                left.emplace_back(digest);
            else if (!out.emplace(one->disclosure.name, std::move(one->disclosure.value)).second)
                throw Error(Code::bad_format, Held::name(one->index), "must not name a property that is there already");
        }
        if (!left.empty()) out.emplace("_sd", std::move(left));
    }

    Held& held_;
    std::string_view what_;
};

}  // namespace

Redaction redact(const Schema& schema, const json::Value& plain, const SaltSource& salt, std::string_view what) {
    schema.validate(plain, what);
    return Redactor(schema.compiled(), salt).run(plain);
}

json::Value restore(const Schema& schema, const json::Value& redacted, std::span<const std::string> disclosures,
                    std::string_view what) {
    const Compiled& compiled = schema.compiled();
    Held held(disclosures);
    json::Value plain = Restorer(compiled, held, what).copy(compiled.nodes[compiled.root], redacted, At{});
    held.finish();
    schema.validate(plain, what);
    return plain;
}

json::Value reveal(const json::Value& redacted, std::span<const std::string> disclosures, std::string_view what) {
    Held held(disclosures);
    json::Value value = Revealer(held, what).copy(redacted, At{}, 0);
    held.finish();
    return value;
}

std::string digest_text(std::string_view disclosure) { return to_base64url(crypto::sha256(disclosure).view()); }

Disclosure parse_disclosure(std::string_view text, std::string_view field) {
    const auto fail = [&](const char* rule) { throw Error(Code::bad_format, std::string(field), rule); };
    if (text.size() > max_disclosure_bytes) throw Error(Code::too_large, std::string(field), "must have at most 1 MiB");
    const auto content = from_base64url(text);
    if (!content) fail("must be base64url");
    json::Value parsed = json::parse(text_of(*content), field);
    if (!parsed.is_array() || parsed.get_array().size() != 3) fail("must be an array of salt, name and value");
    auto& parts = parsed.get_array();
    if (!parts[0].is_string() || !parts[1].is_string()) fail("must have a text as salt and as name");
    const auto salt = from_base64url(parts[0].get_string());
    if (!salt || salt->size() != Salt{}.size()) fail("must have a salt of 16 bytes");
    Disclosure disclosure;
    disclosure.name = parts[1].get_string();
    if (disclosure.name.empty() || is_reserved_name(disclosure.name)) fail("must not have a reserved or an empty name");
    if (holds_reserved_name(parts[2])) fail("must not have a reserved name in its value");
    disclosure.text = text;
    disclosure.value = std::move(parts[2]);
    disclosure.digest = crypto::sha256(text);
    return disclosure;
}

}  // namespace concordat::schema
