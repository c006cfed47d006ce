export const metadata = { title: "Next" };
export const viewport = { colorScheme: "light dark" };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
