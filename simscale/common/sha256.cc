#include <openssl/evp.h>

#include <array>

#include "simscale/common/error.h"
#include "simscale/common/file.h"

namespace simscale {
namespace {

EVP_MD_CTX* Context(void* context) {
  SIMSCALE_CHECK(context != nullptr);  // Hex ended it
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  SIMSCALE_CHECK(context_ != nullptr);
  SIMSCALE_CHECK(EVP_DigestInit_ex(Context(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256::Update(std::span<const std::byte> bytes) {
  SIMSCALE_CHECK(EVP_DigestUpdate(Context(context_), bytes.data(), bytes.size()) == 1);
}

void Sha256::Update(std::string_view text) { Update(std::as_bytes(std::span(text))); }

std::string Sha256::Hex() {
  std::array<unsigned char, 32> digest;
  SIMSCALE_CHECK(EVP_DigestFinal_ex(Context(context_), digest.data(), nullptr) == 1);
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
  context_ = nullptr;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string Sha256Hex(std::string_view text) {
  Sha256 hash;
  hash.Update(text);
  return hash.Hex();
}

}  // namespace simscale
