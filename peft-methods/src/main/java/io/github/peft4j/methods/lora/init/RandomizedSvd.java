package io.github.peft4j.methods.lora.init;

/** The randomised singular value decomposition, as a helper for kernels. */
public final class RandomizedSvd {

  /**
   * U, S, Vᵀ of W, with U from the range of W (Wᵀ W)ⁿ times a random matrix (Halko et al. 2011,
   * arXiv:0909.4061, algorithms 4.4 and 5.1), as in torch.svd_lowrank.
   */
  public static final String SOURCE =
      """
      def basis(x: Tensor) -> Tensor:
          q, r = torch.linalg_qr(x, "reduced")
          return q
      def tall(w: Tensor, random: Tensor) -> List[Tensor]:                 # w (m, n), m ≥ n; random (n, q)
          q = basis(torch.mm(w, random))
          for i in range({iterations}):
              q = basis(torch.mm(w, basis(torch.mm(torch.t(w), q))))
          u, s, vt = torch.linalg_svd(torch.mm(torch.t(q), w), False)
          return [torch.mm(q, u), s, vt]
      def low_rank(w: Tensor, random: Tensor) -> List[Tensor]:             # random (min(m, n), q)
          if torch.size(w, 0) >= torch.size(w, 1):
              found = tall(w, random)
          else:
              turned = tall(torch.t(w), random)
              found = [torch.t(turned[2]), turned[1], torch.t(turned[0])]
          return found
      """;

  private RandomizedSvd() {}
}
