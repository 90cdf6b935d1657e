import type { Language, Localized } from "../api/types";

/** The words that filters let people choose between, as people say them; a word that is not here is shown as it is. */
const labels: Record<string, Localized> = {
  center: { en: "Middle", es: "Centro" },
  north: { en: "Top", es: "Arriba" },
  northeast: { en: "Top right", es: "Arriba a la derecha" },
  east: { en: "Right", es: "Derecha" },
  southeast: { en: "Bottom right", es: "Abajo a la derecha" },
  south: { en: "Bottom", es: "Abajo" },
  southwest: { en: "Bottom left", es: "Abajo a la izquierda" },
  west: { en: "Left", es: "Izquierda" },
  northwest: { en: "Top left", es: "Arriba a la izquierda" },
  fit: { en: "Fit inside", es: "Ajustar dentro" },
  fill: { en: "Stretch", es: "Estirar" },
  cover: { en: "Cover and cut", es: "Cubrir y recortar" },
  horizontal: { en: "Horizontal", es: "Horizontal" },
  vertical: { en: "Vertical", es: "Vertical" },
  both: { en: "Both", es: "Ambas" },
  sobel: { en: "Sobel", es: "Sobel" },
  prewitt: { en: "Prewitt", es: "Prewitt" },
  nearest: { en: "Nearest", es: "Vecino más próximo" },
  bilinear: { en: "Bilinear", es: "Bilineal" },
  bicubic: { en: "Bicubic", es: "Bicúbico" },
  lanczos: { en: "Lanczos", es: "Lanczos" },
  gaussian: { en: "Gaussian", es: "Gaussiana" },
  uniform: { en: "Uniform", es: "Uniforme" },
  nothing: { en: "Nothing", es: "Nada" },
  copyright: { en: "Copyright", es: "Derechos de autor" },
  all: { en: "Everything", es: "Todo" },
  same: { en: "Same as the photo", es: "El mismo que la foto" },
  jpeg: { en: "JPEG", es: "JPEG" },
  png: { en: "PNG", es: "PNG" },
  webp: { en: "WebP", es: "WebP" },
  gif: { en: "GIF", es: "GIF" },
  tiff: { en: "TIFF", es: "TIFF" },
  bmp: { en: "BMP", es: "BMP" },
  avif: { en: "AVIF", es: "AVIF" },
};

export function optionLabel(option: string, language: Language): string {
  return labels[option]?.[language] ?? option;
}
