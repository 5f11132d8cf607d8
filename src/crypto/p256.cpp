#include "p256.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <base/error.hpp>
#include <base/secret.hpp>

namespace concordat::crypto::p256 {
namespace {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        free_function(object);
    }
};
using Number = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using PointPtr = std::unique_ptr<EC_POINT, Free<EC_POINT_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using EcdsaSig = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;

// Out of memory, or a use of OpenSSL that is wrong here; never reached by input.
template <class T>
T must(T result) {
    if (!result) panic("OpenSSL refused an operation on P-256");
    return result;
}

const EC_GROUP* group() {
    static const EC_GROUP* const p256 = must(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    return p256;
}

Number number(ByteView bytes) { return Number(must(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr))); }

constexpr std::array<std::uint8_t, 32> half_order = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                                                     0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

constexpr std::size_t max_der_bytes = 72;

}  // namespace

bool on_curve(const Point& point) {
    const PointPtr parsed(must(EC_POINT_new(group())));
    return point[0] == 0x04 && EC_POINT_oct2point(group(), parsed.get(), point.data(), point.size(), nullptr) == 1;
}

std::optional<Point> public_of(ByteView scalar) {
    const Number d = number(scalar);
    if (BN_is_zero(d.get()) || BN_cmp(d.get(), EC_GROUP_get0_order(group())) >= 0) return std::nullopt;
    BN_set_flags(d.get(), BN_FLG_CONSTTIME);
    const PointPtr product(must(EC_POINT_new(group())));
    must(EC_POINT_mul(group(), product.get(), d.get(), nullptr, nullptr, nullptr));
    Point point;
    must(
        EC_POINT_point2oct(group(), product.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(), point.size(), nullptr));
    return point;
}

Pkey make_pkey(const Point& point, ByteView scalar) {
    const ParamBuilder builder(must(OSSL_PARAM_BLD_new()));
    must(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0));
    must(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()));
    Number d;
    if (!scalar.empty()) {
        d = number(scalar);
        BN_set_flags(d.get(), BN_FLG_CONSTTIME);
        must(OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get(), 32));
    }
    const Params params(must(OSSL_PARAM_BLD_to_param(builder.get())));
    const PkeyContext context(must(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)));
    must(EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* key = nullptr;
    const int selection = scalar.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    must(EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) == 1);
    if (!scalar.empty()) {  // the parameter list holds a copy of the scalar
        if (OSSL_PARAM* copy = OSSL_PARAM_locate(params.get(), OSSL_PKEY_PARAM_PRIV_KEY))
            wipe(copy->data, copy->data_size);
    }
    return Pkey(key, EVP_PKEY_free);
}

bool high_s(ByteView s) {
    return std::lexicographical_compare(half_order.begin(), half_order.end(), s.begin(), s.end());
}

bool verify(const Pkey& key, const Hash256& digest, ByteView signature64) {
    if (signature64.size() != 64 || high_s(signature64.subspan(32))) return false;
    const EcdsaSig signature(must(ECDSA_SIG_new()));
    must(ECDSA_SIG_set0(signature.get(), number(signature64.first(32)).release(),
                        number(signature64.last(32)).release()));
    std::array<std::uint8_t, max_der_bytes> der;
    std::uint8_t* end = der.data();
    const int size = i2d_ECDSA_SIG(signature.get(), &end);
    if (size <= 0) return false;
    const PkeyContext context(must(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)));
    must(EVP_PKEY_verify_init(context.get()) == 1);
    return EVP_PKEY_verify(context.get(), der.data(), static_cast<std::size_t>(size), digest.bytes.data(),
                           digest.bytes.size()) == 1;
}

std::array<std::uint8_t, 64> sign(const Pkey& key, const Hash256& digest) {
    const PkeyContext context(must(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)));
    must(EVP_PKEY_sign_init(context.get()) == 1);
    std::array<std::uint8_t, max_der_bytes> der;
    std::size_t size = der.size();
    must(EVP_PKEY_sign(context.get(), der.data(), &size, digest.bytes.data(), digest.bytes.size()) == 1);
    const std::uint8_t* start = der.data();
    const EcdsaSig signature(must(d2i_ECDSA_SIG(nullptr, &start, static_cast<long>(size))));
    std::array<std::uint8_t, 64> out;
    must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), 32) == 32);
    must(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + 32, 32) == 32);
    if (high_s(ByteView(out).last(32))) {
        const Number low(must(BN_new()));
        must(BN_sub(low.get(), EC_GROUP_get0_order(group()), ECDSA_SIG_get0_s(signature.get())));
        must(BN_bn2binpad(low.get(), out.data() + 32, 32) == 32);
    }
    return out;
}

std::array<std::uint8_t, 32> ecdh(const Pkey& key, const Pkey& peer) {
    const PkeyContext context(must(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)));
    must(EVP_PKEY_derive_init(context.get()) == 1);
    must(EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1);
    std::array<std::uint8_t, 32> shared;
    std::size_t size = shared.size();
    must(EVP_PKEY_derive(context.get(), shared.data(), &size) == 1);
    must(size == shared.size());
    return shared;
}

}  // namespace concordat::crypto::p256
