// Writing HTML and SVG in which nothing from outside can become markup: names of elements and attributes, and markup
// that stands alone, are texts of this program (checked by the compiler); all else is escaped. Elements close
// themselves.
//
// Of outside text, what no reader would see is shown: control characters, and the marks that hide or turn round what
// stands beside them (Unicode TR 36, §2.2; TR 9), stand there by their number; what is not UTF-8 becomes U+FFFD.
#pragma once
#include <initializer_list>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>

namespace concordat::audit {

class Markup {
  public:
    consteval Markup(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor): that is its use
    constexpr std::string_view view() const { return text_; }

  private:
    std::string_view text_;
};

// Fit for the content of an element and for the value of an attribute in double quotes.
std::string escaped(std::string_view outside);

// At most about `max_bytes` of it, not cut within a character, and how much there was.
std::string cut(std::string_view text, std::size_t max_bytes);

struct Attribute {
    Markup name;
    std::string value;
};
using Attributes = std::initializer_list<Attribute>;

class Html {
  public:
    explicit Html(std::ostream& out) : out_(out) {}

    class [[nodiscard]] Element {
      public:
        Element(Html& html, Markup name) : html_(html), name_(name) {}
        Element(const Element&) = delete;
        Element& operator=(const Element&) = delete;
        ~Element() { html_.out_ << "</" << name_.view() << '>'; }

      private:
        Html& html_;
        Markup name_;
    };

    // Its content is what is written until the Element goes. Attributes with nothing in them are left out.
    Element in(Markup name, Attributes attributes = {}) {
        begin(name, attributes, ">");
        return {*this, name};
    }
    // A whole element with text in it.
    void put(Markup name, std::string_view text, Attributes attributes = {}) {
        begin(name, attributes, ">");
        out_ << escaped(text) << "</" << name.view() << '>';
    }
    // One that has no content.
    void empty(Markup name, Attributes attributes = {}) { begin(name, attributes, "/>"); }
    void text(std::string_view outside) { out_ << escaped(outside); }
    void raw(Markup markup) { out_ << markup.view(); }
    // What was written elsewhere by one of these.
    void add(const class Piece& piece);
    void line() { out_ << '\n'; }

  private:
    void begin(Markup name, Attributes attributes, std::string_view end) {
        out_ << '<' << name.view();
        for (const Attribute& one : attributes) {
            if (!one.value.empty()) out_ << ' ' << one.name.view() << "=\"" << escaped(one.value) << '"';
        }
        out_ << end;
    }

    std::ostream& out_;
};

// Markup that is made before there is a place for it.
class Piece {
  public:
    Html& html() { return html_; }
    void clear() { stream_.str({}); }

  private:
    friend class Html;
    std::ostringstream stream_;
    Html html_{stream_};
};

inline void Html::add(const Piece& piece) { out_ << piece.stream_.view(); }

}  // namespace concordat::audit
