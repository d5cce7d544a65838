// Prepares the Panda's visual meshes when the project is built:
//
//   prepare_meshes <folder with the wheel's OBJ files> <output folder> <share of triangles kept>
//
// Each OBJ is split by colour (the wheel paints by texture coordinates that point into a palette; a
// material per piece serves renderers without textures too), decimated, and written as MuJoCo MSH
// files <part>_<colour>.msh with one normal per vertex. The normals are the original ones: a
// decimated vertex keeps its place, and of the normals that met there each face takes the nearest
// to its own, so that creases stay sharp and curved shells stay smooth.

#include <meshoptimizer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Vec3 = std::array<float, 3>;

enum Colour : int { kWhite, kDark, kGrey, kBlue, kNumColours };
constexpr std::array<const char*, kNumColours> kColourNames = {"white", "dark", "grey", "blue"};

/// The wheel's palette image: white, dark and grey columns with a few coloured cells at the top
/// right. link1 and link2 have no palette coordinates and are white all over.
Colour ColourAt(const std::string& part, float u, float v) {
  if (part == "link1" || part == "link2" || u < 80.0F / 256) return kWhite;
  if (u < 188.5F / 256) return kDark;
  if (v > 245.0F / 256) return u < 211.0F / 256 ? kBlue : kDark;  // red and green lamps: dark
  return kGrey;
}

struct Mesh {
  std::vector<Vec3> positions;
  std::vector<uint32_t> indices;           ///< three a triangle, into positions
  std::vector<int> colours;                ///< of each position (a position has one colour)
  std::vector<std::vector<Vec3>> normals;  ///< the normals that meet at each position
};

Mesh ReadObj(const fs::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path.string() + ": can't be opened");
  std::vector<Vec3> v, vn;
  std::vector<std::array<float, 2>> vt;
  std::map<std::tuple<float, float, float, int>, uint32_t> known;  // equal places are one vertex
  Mesh mesh;
  std::string line, word;
  while (std::getline(in, line)) {
    std::istringstream text(line);
    text >> word;
    if (word == "v" || word == "vn") {
      Vec3 p{};
      text >> p[0] >> p[1] >> p[2];
      (word == "v" ? v : vn).push_back(p);
    } else if (word == "vt") {
      std::array<float, 2> t{};
      text >> t[0] >> t[1];
      vt.push_back(t);
    } else if (word == "f") {
      std::array<std::array<size_t, 3>, 3> corners{};
      float u = 0, w = 0;
      for (auto& [iv, it, in_] : corners) {
        char slash = 0;
        text >> iv >> slash >> it >> slash >> in_;
        if (!text)
          throw std::runtime_error(path.string() + ": a face that is no v/vt/vn triangle: " + line);
        u += vt.at(it - 1)[0] / 3;
        w += vt.at(it - 1)[1] / 3;
      }
      Colour colour = ColourAt(path.stem().string(), u, w);
      for (auto& [iv, it, in_] : corners) {
        const Vec3& p = v.at(iv - 1);
        auto [entry, added] = known.try_emplace({p[0], p[1], p[2], colour}, mesh.positions.size());
        if (added) {
          mesh.positions.push_back(p);
          mesh.colours.push_back(colour);
          mesh.normals.emplace_back();
        }
        mesh.normals[entry->second].push_back(vn.at(in_ - 1));
        mesh.indices.push_back(entry->second);
      }
    }
  }
  if (mesh.indices.empty()) throw std::runtime_error(path.string() + ": has no faces");
  return mesh;
}

void Decimate(Mesh& mesh, double share) {
  // Small parts keep their shape: their few triangles cost nothing.
  constexpr size_t kFewTriangles = 1200;
  size_t triangles = mesh.indices.size() / 3;
  size_t target = std::max(static_cast<size_t>(share * static_cast<double>(triangles)),
                           std::min(triangles, kFewTriangles));
  if (target >= triangles) return;
  std::vector<uint32_t> result(mesh.indices.size());
  constexpr float kAnyError = 1.0F;
  size_t n = meshopt_simplify(result.data(), mesh.indices.data(), mesh.indices.size(),
                              mesh.positions[0].data(), mesh.positions.size(), sizeof(Vec3),
                              target * 3, kAnyError, 0, nullptr);
  result.resize(n);
  mesh.indices = std::move(result);
}

Vec3 FaceNormal(const Vec3& a, const Vec3& b, const Vec3& c) {
  Vec3 e{b[0] - a[0], b[1] - a[1], b[2] - a[2]}, f{c[0] - a[0], c[1] - a[1], c[2] - a[2]};
  Vec3 n{e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]};
  float length = std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
  if (length > 0)
    for (float& x : n) x /= length;
  return n;
}

void WriteMsh(const fs::path& path, const Mesh& mesh, int colour) {
  std::vector<Vec3> positions, normals;
  std::vector<std::array<float, 2>> texcoords;
  std::vector<int32_t> faces;
  std::map<std::pair<uint32_t, Vec3>, int32_t> known;
  for (size_t t = 0; t < mesh.indices.size(); t += 3) {
    if (mesh.colours[mesh.indices[t]] != colour) continue;
    Vec3 face = FaceNormal(mesh.positions[mesh.indices[t]], mesh.positions[mesh.indices[t + 1]],
                           mesh.positions[mesh.indices[t + 2]]);
    for (size_t k = t; k < t + 3; ++k) {
      uint32_t i = mesh.indices[k];
      Vec3 best = face;
      float best_dot = -2;
      for (const Vec3& n : mesh.normals[i]) {
        float dot = n[0] * face[0] + n[1] * face[1] + n[2] * face[2];
        if (dot > best_dot) best_dot = dot, best = n;
      }
      // Decimation can turn a face far from what its corners once were; its own normal then.
      if (best_dot < 0.2F) best = face;
      auto [entry, added] = known.try_emplace({i, best}, static_cast<int32_t>(positions.size()));
      if (added) {
        positions.push_back(mesh.positions[i]);
        normals.push_back(best);
      }
      faces.push_back(entry->second);
    }
  }
  if (faces.empty()) return;
  // MSH: counts of vertices, normals, texture coordinates and faces, then the arrays.
  std::array<int32_t, 4> header = {static_cast<int32_t>(positions.size()),
                                   static_cast<int32_t>(normals.size()), 0,
                                   static_cast<int32_t>(faces.size() / 3)};
  std::ofstream out(path, std::ios::binary);
  auto write = [&](const auto* data, size_t count) {
    out.write(reinterpret_cast<const char*>(data),
              static_cast<std::streamsize>(count * sizeof(*data)));
  };
  write(header.data(), header.size());
  write(positions.data(), positions.size());
  write(normals.data(), normals.size());
  write(faces.data(), faces.size());
  out.close();
  if (!out) throw std::runtime_error(path.string() + ": can't be written");
}

void Prepare(const fs::path& source, const fs::path& target, double share) {
  fs::create_directories(target);
  for (const char* part :
       {"link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7", "hand", "finger"}) {
    Mesh mesh = ReadObj(source / (std::string(part) + ".obj"));
    size_t before = mesh.indices.size() / 3;
    Decimate(mesh, share);
    for (int colour = 0; colour < kNumColours; ++colour)
      WriteMsh(
          target / (std::string(part) + "_" + kColourNames[static_cast<size_t>(colour)] + ".msh"),
          mesh, colour);
    std::cout << part << ": " << before << " -> " << mesh.indices.size() / 3 << " triangles\n";
  }
  fs::copy_file(source / "NOTICE", target / "NOTICE", fs::copy_options::overwrite_existing);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: prepare_meshes SOURCE TARGET SHARE");
    Prepare(argv[1], argv[2], std::stod(argv[3]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "prepare_meshes: " << error.what() << "\n";
    return 1;
  }
}
