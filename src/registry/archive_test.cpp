// Hostile archives. What a good one looks like is in build_test.cpp, where there is a real package.
#include "archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <base/json.hpp>
#include <crypto/hash.hpp>
#include <functional>

namespace concordat::registry {
namespace {

contract::Package tiny() {
    static const std::string config =
        R"({"abi":1,"actions":{"go":{"from":["a"],"message":{"properties":{},"type":"object"}}},"description":"","effects":{},)"
        R"("language":"c++","ledgers":{},"name":"tiny","roles":["a"],"sources":{},"state":{"properties":{},"type":"object"},)"
        R"("terms":{"properties":{},"type":"object"},"typ":"concordat/contract/1","version":"1.0.0"})";
    Bytes module = to_bytes(bytes_of("\0asm"));
    Bytes provenance = to_bytes(bytes_of("{}"));
    Bytes manifest = contract::Manifest::write(bytes_of(config), module, provenance);
    return contract::Package::check(std::move(manifest), to_bytes(bytes_of(config)), std::move(module),
                                    std::move(provenance));
}

la_ssize_t append(::archive*, void* target, const void* data, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(data);
    static_cast<Bytes*>(target)->insert(static_cast<Bytes*>(target)->end(), from, from + size);
    return static_cast<la_ssize_t>(size);
}

struct Item {
    std::string path;
    std::string content;
    std::function<void(archive_entry*)> change = {};
};

Bytes tar_of(const std::vector<Item>& items, bool gzip = false) {
    Bytes bytes;
    ::archive* out = archive_write_new();
    archive_write_set_format_pax_restricted(out);
    if (gzip) archive_write_add_filter_gzip(out);
    archive_write_open(out, &bytes, nullptr, append, nullptr);
    for (const Item& item : items) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, item.path.c_str());
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
        if (item.change) item.change(entry);
        archive_write_header(out, entry);
        if (archive_entry_filetype(entry) == AE_IFREG)
            archive_write_data(out, item.content.data(), item.content.size());
        archive_entry_free(entry);
    }
    archive_write_free(out);
    return bytes;
}

std::string blob(const Hash256& digest) { return "blobs/sha256/" + digest.hex(); }

std::vector<Item> good_items() {
    const contract::Package package = tiny();
    const std::string index = json::canonical(json::Object{
        {"schemaVersion", 2},
        {"manifests", json::Array{json::Object{{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                                               {"digest", package.id().text()},
                                               {"size", static_cast<std::int64_t>(package.manifest.size())}}}}});
    return {{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"},
            {"index.json", index},
            {blob(package.id()), std::string(text_of(package.manifest))},
            {blob(package.parsed.config), std::string(text_of(package.config))},
            {blob(package.parsed.module), std::string(text_of(package.module))},
            {blob(package.parsed.provenance), std::string(text_of(package.provenance))}};
}

Error refused(const Bytes& bytes) {
    try {
        read_archive(bytes);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "accepted";
    return {Code::internal, "", ""};
}

Error refused_with(Item extra) {
    std::vector<Item> items = good_items();
    items.push_back(std::move(extra));
    return refused(tar_of(items));
}

TEST(Archive, TakesAnotherToolsLayout) {
    EXPECT_EQ(read_archive(tar_of(good_items())).id(), tiny().id());
    std::vector<Item> with_folders = good_items();
    with_folders.insert(with_folders.begin(),
                        {"blobs/", "", [](archive_entry* e) { archive_entry_set_filetype(e, AE_IFDIR); }});
    EXPECT_EQ(read_archive(tar_of(with_folders)).id(), tiny().id());
    EXPECT_EQ(read_archive(write_archive(tiny())).id(), tiny().id());
}

TEST(Archive, RefusesOtherPaths) {
    for (const char* path : {"../evil", "/etc/passwd", "blobs/sha256/../../x", "blobs/sha256/short", "extra.txt",
                             "./oci-layout", "blobs/md5/0"}) {
        EXPECT_EQ(refused_with({path, "x"}).code(), Code::bad_package) << path;
    }
    EXPECT_EQ(refused_with({blob(crypto::sha256("unnamed")), "unnamed"}).rule(), "is not named by the manifest");
}

TEST(Archive, RefusesLinksDevicesAndDuplicates) {
    EXPECT_EQ(refused_with({"extra", "",
                            [](archive_entry* e) {
                                archive_entry_set_filetype(e, AE_IFLNK);
                                archive_entry_set_symlink(e, "/etc/passwd");
                            }})
                  .rule(),
              "links are not allowed");
    EXPECT_EQ(refused_with({"extra", "", [](archive_entry* e) { archive_entry_set_hardlink(e, "index.json"); }}).rule(),
              "links are not allowed");
    EXPECT_EQ(refused_with({"extra", "", [](archive_entry* e) { archive_entry_set_filetype(e, AE_IFCHR); }}).rule(),
              "must be a plain file");
    EXPECT_EQ(refused_with({"extra", "", [](archive_entry* e) { archive_entry_set_filetype(e, AE_IFDIR); }}).code(),
              Code::bad_package);
    EXPECT_EQ(refused_with({"index.json", "{}"}).rule(), "stands in the archive twice");
}

TEST(Archive, RefusesMissingAndChangedFiles) {
    for (std::size_t i = 0; i < good_items().size(); ++i) {
        std::vector<Item> items = good_items();
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_EQ(refused(tar_of(items)).code(), Code::bad_package) << i;
        items = good_items();
        items[i].content += " ";
        if (i < 2) continue;  // white space after the JSON of these is harmless
        EXPECT_EQ(refused(tar_of(items)).code(), Code::bad_package) << i;
    }
}

TEST(Archive, HasBounds) {
    EXPECT_EQ(refused(Bytes(max_archive_bytes + 1)).code(), Code::too_large);
    std::vector<Item> many = good_items();
    for (int i = 0; i < 20; ++i)
        many.insert(many.begin(), {"blobs/", "", [](archive_entry* e) { archive_entry_set_filetype(e, AE_IFDIR); }});
    EXPECT_EQ(refused(tar_of(many)).code(), Code::too_large);
    // A size that the file does not have.
    Bytes cut = tar_of(good_items());
    cut.resize(1000);
    EXPECT_EQ(refused(cut).code(), Code::bad_package);
}

TEST(Archive, RefusesWhatIsNoTar) {
    EXPECT_EQ(refused({}).code(), Code::bad_package);
    EXPECT_EQ(refused(to_bytes(bytes_of("hello"))).code(), Code::bad_package);
    EXPECT_EQ(refused(tar_of(good_items(), true)).code(), Code::bad_package);
}

TEST(Archive, AnyChangedByteIsRefusedOrHarmless) {
    const Bytes good = write_archive(tiny());
    EXPECT_TRUE(rc::check("any changed byte", [&] {
        Bytes changed = good;
        changed[*rc::gen::inRange<std::size_t>(0, good.size())] ^= *rc::gen::inRange<std::uint8_t>(1, 255);
        try {
            RC_ASSERT(read_archive(changed).id() == tiny().id());
        } catch (const Error&) {
        }
    }));
}

}  // namespace
}  // namespace concordat::registry
