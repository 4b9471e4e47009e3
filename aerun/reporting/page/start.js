// -- start --------------------------------------------------------------------------

/** A picture for each place of a slider. */
function showSlides(holder) {
  const { titles, images } = valuesOf(holder);
  const slider = holder.querySelector("input");
  slider.addEventListener("input", () => {
    const image = holder.querySelector("img");
    image.src = images[slider.value];
    image.alt = titles[slider.value];
    holder.querySelector("figcaption").textContent = titles[slider.value];
  });
}

document.querySelectorAll(".curves").forEach(showCurves);
document.querySelectorAll(".slides").forEach(showSlides);
document.querySelectorAll(".codes").forEach((holder) => new CodeMap(holder));
