import type { ReactNode, SVGProps } from "react";

/** The few icons of the page, drawn on one 24 px grid; decorative, the control around them has the name. */
function icon(shapes: ReactNode) {
  return function Icon({ size = 18, ...rest }: { size?: number } & SVGProps<SVGSVGElement>) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.75}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
        {...rest}
      >
        {shapes}
      </svg>
    );
  };
}

export const Logo = ({ size = 28 }: { size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" fill="var(--mantine-color-accent-6)" />
    <path d="M11 22.5h10.2a4.3 4.3 0 0 0 .7-8.54 6.2 6.2 0 0 0-11.9-.7A4.7 4.7 0 0 0 11 22.5Z" fill="#fff" />
  </svg>
);

export const PhotosIcon = icon(
  <>
    <rect x="3" y="5" width="18" height="14" rx="2.5" />
    <circle cx="8.5" cy="10" r="1.5" />
    <path d="m4 17 4.8-4.3a1.5 1.5 0 0 1 2 0L15 16.5m-1.6-1.5 2-1.9a1.5 1.5 0 0 1 2.1 0L21 16.5" />
  </>,
);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const UpIcon = icon(<path d="m6 14.5 6-6 6 6" />);
export const DownIcon = icon(<path d="m6 9.5 6 6 6-6" />);
export const LeftIcon = icon(<path d="m14.5 6-6 6 6 6" />);
export const RightIcon = icon(<path d="m9.5 6 6 6-6 6" />);
export const DownloadIcon = icon(<path d="M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M4.5 19.5h15" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 14.2A8.2 8.2 0 0 1 9.8 4 8.2 8.2 0 1 0 20 14.2Z" />);
export const WarningIcon = icon(
  <>
    <path d="M12 4 2.8 19.5h18.4L12 4Z" />
    <path d="M12 10.2v4M12 16.9v.1" />
  </>,
);
export const RetryIcon = icon(<path d="M20 11.5A8 8 0 1 0 18 17.3M20 5.5v6h-6" />);
export const StopIcon = icon(<rect x="6.5" y="6.5" width="11" height="11" rx="1.5" />);
export const LinkOutIcon = icon(
  <path d="M14 4.5h5.5V10m0-5.5L11 13M17.5 14v4a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 18V8A1.5 1.5 0 0 1 6 6.5h4" />,
);
