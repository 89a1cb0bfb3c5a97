// Puts the chosen theme in force before anything is drawn. A plain script in the head, so that nothing flashes.
try {
  const theme = localStorage.getItem('flowgate.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Without storage the system's theme holds.
}
