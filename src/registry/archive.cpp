#include "archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <base/file.hpp>
#include <base/json.hpp>
#include <crypto/hash.hpp>
#include <map>
#include <memory>

namespace concordat::registry {
namespace {

constexpr std::string_view layout_text = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::string_view manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view blob_prefix = "blobs/sha256/";

template <auto destroy>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using WriterPtr = std::unique_ptr<::archive, Deleter<archive_write_free>>;
using ReaderPtr = std::unique_ptr<::archive, Deleter<archive_read_free>>;
using EntryPtr = std::unique_ptr<archive_entry, Deleter<archive_entry_free>>;

std::string blob_path(const Hash256& digest) { return std::string(blob_prefix) + digest.hex(); }

std::string index_text(const contract::Package& package) {
    return json::canonical(json::Object{
        {"schemaVersion", 2},
        {"manifests", json::Array{json::Object{{"mediaType", manifest_type},
                                               {"digest", package.id().text()},
                                               {"size", static_cast<std::int64_t>(package.manifest.size())}}}}});
}

la_ssize_t append_bytes(::archive*, void* target, const void* data, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(data);
    auto* out = static_cast<Bytes*>(target);
    out->insert(out->end(), from, from + size);
    return static_cast<la_ssize_t>(size);
}

void write_entry(::archive* out, const std::string& path, ByteView content) {
    const EntryPtr entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_uid(entry.get(), 0);
    archive_entry_set_gid(entry.get(), 0);
    const bool written =
        archive_write_header(out, entry.get()) == ARCHIVE_OK &&
        archive_write_data(out, content.data(), content.size()) == static_cast<la_ssize_t>(content.size());
    if (!written) throw Error(Code::internal, path, "cannot be written to the archive");
}

[[noreturn]] void refuse(const std::string& path, std::string rule) {
    throw Error(Code::bad_package, path.empty() ? "archive" : path, std::move(rule));
}

std::string printable(const char* text) {
    std::string out(text == nullptr ? "" : std::string_view(text).substr(0, 200));
    std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return out;
}

bool is_blob_path(std::string_view path) {
    if (!path.starts_with(blob_prefix)) return false;
    const std::string_view hex = path.substr(blob_prefix.size());
    return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Bytes read_content(::archive* in, archive_entry* entry, const std::string& path) {
    const la_int64_t size = archive_entry_size(entry);
    if (size < 0 || static_cast<std::uint64_t>(size) > max_archive_blob_bytes) {
        throw Error(Code::too_large, path, "at most " + std::to_string(max_archive_blob_bytes) + " bytes");
    }
    Bytes content(static_cast<std::size_t>(size));
    std::size_t done = 0;
    while (done < content.size()) {
        const la_ssize_t got = archive_read_data(in, content.data() + done, content.size() - done);
        if (got <= 0) refuse(path, "the archive ends inside this file");
        done += static_cast<std::size_t>(got);
    }
    return content;
}

using Files = std::map<std::string, Bytes, std::less<>>;

// Takes one entry into `files`, if it is one of those that a package may hold.
void take_entry(::archive* in, archive_entry* entry, Files& files) {
    const std::string path = printable(archive_entry_pathname(entry));
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) {
        refuse(path, "links are not allowed");
    }
    if (archive_entry_filetype(entry) == AE_IFDIR) {
        if (path == "blobs" || path == "blobs/" || path == "blobs/sha256" || path == "blobs/sha256/") return;
        refuse(path, "is no folder of a package");
    }
    if (archive_entry_filetype(entry) != AE_IFREG) refuse(path, "must be a plain file");
    if (archive_entry_sparse_count(entry) != 0) refuse(path, "must not be sparse");
    if (path != "oci-layout" && path != "index.json" && !is_blob_path(path)) refuse(path, "is no file of a package");
    if (files.contains(path)) refuse(path, "stands in the archive twice");
    files.emplace(path, read_content(in, entry, path));
}

Files read_files(ByteView bytes) {
    const ReaderPtr in(archive_read_new());
    archive_read_support_format_tar(in.get());  // no filter: nothing unpacks to more than it is
    if (archive_read_open_memory(in.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) refuse("", "must be a tar file");
    Files files;
    for (std::size_t entries = 0;; ++entries) {
        archive_entry* entry = nullptr;
        const int status = archive_read_next_header(in.get(), &entry);
        if (status == ARCHIVE_EOF) return files;
        if (status != ARCHIVE_OK) refuse("", "must be a well-formed tar file");
        if (entries >= max_archive_entries) {
            throw Error(Code::too_large, "archive", "at most " + std::to_string(max_archive_entries) + " entries");
        }
        take_entry(in.get(), entry, files);
    }
}

const Bytes& file(const Files& files, const std::string& path) {
    const auto found = files.find(path);
    if (found == files.end()) refuse(path, "is missing from the archive");
    return found->second;
}

Hash256 manifest_digest(const Bytes& index, std::size_t& size) {
    const json::Value value = json::parse(text_of(index), "index.json", {.bytes = 65536, .depth = 8});
    json::Reader in(value, "index.json");
    in.integer("schemaVersion", 2, 2);
    in.string_or("mediaType", "");
    const json::Array& manifests = in.array("manifests", 1);
    if (manifests.size() != 1) in.fail("manifests", "must name one manifest");
    json::Reader one(manifests[0], "index.json/manifests/0");
    one.expect("mediaType", manifest_type);
    size = static_cast<std::size_t>(one.integer("size", 1, 65536));
    const Hash256 digest = one.hash("digest");
    one.find("annotations");  // names that other tools give to what they store
    one.finish();
    in.finish();
    return digest;
}

Bytes take_blob(Files& files, const Hash256& digest) {
    Bytes content = file(files, blob_path(digest));
    if (crypto::sha256(content) != digest) refuse(blob_path(digest), "must have the digest that its name says");
    return content;
}

}  // namespace

std::string archive_name(const contract::Package& package) {
    std::string name = package.contract.name + "-" + package.contract.version + ".tar";
    std::replace(name.begin(), name.end(), '/', '_');  // names are not paths
    return name;
}

Bytes write_archive(const contract::Package& package) {
    const std::string index = index_text(package);
    const std::map<std::string, ByteView> entries{{blob_path(package.id()), package.manifest},
                                                  {blob_path(package.parsed.config), package.config},
                                                  {blob_path(package.parsed.module), package.module},
                                                  {blob_path(package.parsed.provenance), package.provenance},
                                                  {"index.json", bytes_of(index)},
                                                  {"oci-layout", bytes_of(layout_text)}};
    Bytes bytes;
    const WriterPtr out(archive_write_new());
    archive_write_set_format_ustar(out.get());
    archive_write_set_bytes_per_block(out.get(), 512);
    if (archive_write_open(out.get(), &bytes, nullptr, append_bytes, nullptr) != ARCHIVE_OK) {
        throw Error(Code::internal, "archive", "cannot be written");
    }
    for (const auto& [path, content] : entries) write_entry(out.get(), path, content);
    if (archive_write_close(out.get()) != ARCHIVE_OK) throw Error(Code::internal, "archive", "cannot be written");
    return bytes;
}

contract::Package read_archive(ByteView bytes) {
    if (bytes.size() > max_archive_bytes) {
        throw Error(Code::too_large, "archive", "at most " + std::to_string(max_archive_bytes) + " bytes");
    }
    Files files = read_files(bytes);
    const json::Value layout =
        json::parse(text_of(file(files, "oci-layout")), "oci-layout", {.bytes = 1024, .depth = 4});
    json::Reader reader(layout, "oci-layout");
    reader.expect("imageLayoutVersion", "1.0.0");
    reader.finish();
    std::size_t manifest_size = 0;
    const Hash256 id = manifest_digest(file(files, "index.json"), manifest_size);
    Bytes manifest = take_blob(files, id);
    if (manifest.size() != manifest_size) refuse(blob_path(id), "must have the size that index.json says");
    const contract::Manifest parsed = contract::Manifest::parse(manifest);
    const std::map<std::string, int, std::less<>> expected{{"index.json", 0},
                                                           {"oci-layout", 0},
                                                           {blob_path(id), 0},
                                                           {blob_path(parsed.config), 0},
                                                           {blob_path(parsed.module), 0},
                                                           {blob_path(parsed.provenance), 0}};
    for (const auto& [path, content] : files) {
        if (!expected.contains(path)) refuse(path, "is not named by the manifest");
    }
    return contract::Package::check(std::move(manifest), take_blob(files, parsed.config),
                                    take_blob(files, parsed.module), take_blob(files, parsed.provenance));
}

contract::Package read_archive_file(const std::filesystem::path& path) {
    return read_archive(read_file(path, max_archive_bytes));
}

}  // namespace concordat::registry
