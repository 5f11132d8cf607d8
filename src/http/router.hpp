// Finds the route of a path: a tree of segments, literals first.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "message.hpp"

namespace concordat::http {

template <class Route>
class Router {
  public:
    struct Match {
        Route* route = nullptr;  // null: see `allowed`
        std::string allowed;     // the methods that the path takes, for Allow; "" when there is no such path
        std::vector<std::pair<std::string_view, std::string_view>> params;  // values still percent-encoded
    };

    void add(Method method, std::string_view pattern, std::unique_ptr<Route> route) {
        if (!pattern.starts_with('/')) panic("http: a route's pattern must begin with /");
        Node* node = &root_;
        for (std::string_view rest = pattern; !rest.empty();) {
            if (node->is_rest) panic("http: {name*} must be the last segment of a pattern");
            node = &descend(*node, take_segment(rest));
        }
        auto& slot = node->routes[static_cast<std::size_t>(method)];
        if (slot) panic("http: a route was given twice");
        slot = std::move(route);
    }

    Match find(Method method, std::string_view path) const {
        Match match;
        if (!path.starts_with('/')) return match;
        const Node* node = walk(root_, path, match.params);
        if (node == nullptr) return match;
        match.route = node->routes[static_cast<std::size_t>(method)].get();
        if (match.route == nullptr && method == Method::head)
            match.route = node->routes[static_cast<std::size_t>(Method::get)].get();
        if (match.route == nullptr) match.allowed = methods_of(*node);
        return match;
    }

  private:
    struct Node {
        std::string text;  // the literal, or the parameter's name
        bool is_rest = false;
        std::vector<std::unique_ptr<Node>> literals;
        std::unique_ptr<Node> parameter;
        std::array<std::unique_ptr<Route>, method_count> routes;
        bool has_route() const {
            for (const auto& route : routes) {
                if (route) return true;
            }
            return false;
        }
    };

    // `rest` begins with '/'; afterwards it begins with the next '/' or is empty.
    static std::string_view take_segment(std::string_view& rest) {
        rest.remove_prefix(1);
        const auto segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        return segment;
    }

    static Node& descend(Node& node, std::string_view segment) {
        if (segment.starts_with('{') && segment.ends_with('}')) {
            segment = segment.substr(1, segment.size() - 2);
            const bool is_rest = segment.ends_with('*');
            if (is_rest) segment.remove_suffix(1);
            if (!node.parameter) {
                node.parameter = std::make_unique<Node>();
                node.parameter->text = segment;
                node.parameter->is_rest = is_rest;
            }
            if (node.parameter->text != segment || node.parameter->is_rest != is_rest)
                panic("http: two patterns name the same parameter differently");
            return *node.parameter;
        }
        for (auto& child : node.literals) {
            if (child->text == segment) return *child;
        }
        node.literals.push_back(std::make_unique<Node>());
        node.literals.back()->text = segment;
        return *node.literals.back();
    }

    // Depth is bounded by the patterns, and each level tries at most one literal and one parameter.
    template <class Params>
    static const Node* walk(const Node& node, std::string_view rest, Params& params) {
        if (rest.empty()) return node.has_route() ? &node : nullptr;
        const std::string_view all = rest.substr(1);
        const std::string_view segment = take_segment(rest);
        for (const auto& child : node.literals) {
            if (child->text != segment) continue;
            const auto before = params.size();
            if (const Node* found = walk(*child, rest, params)) return found;
            params.resize(before);
        }
        const Node* parameter = node.parameter.get();
        if (parameter == nullptr || (segment.empty() && !parameter->is_rest)) return nullptr;
        params.emplace_back(parameter->text, parameter->is_rest ? all : segment);
        return parameter->is_rest ? parameter : walk(*parameter, rest, params);
    }

    static std::string methods_of(const Node& node) {
        std::string out;
        for (std::size_t i = 0; i < method_count; ++i) {
            if (!node.routes[i]) continue;
            if (!out.empty()) out += ", ";
            out += method_name(static_cast<Method>(i));
            if (static_cast<Method>(i) == Method::get) out += ", HEAD";
        }
        return out;
    }

    Node root_;
};

}  // namespace concordat::http
