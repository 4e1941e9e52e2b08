// A folder of photographs made JPEGs of one size as with sharp alone: SRC OUT WIDTH HEIGHT IN-FLIGHT.
const fs = require("fs");
const path = require("path");
const sharp = require("sharp");

const [source, out, ...numbers] = process.argv.slice(2);
const [width, height, inFlight] = numbers.map(Number);
const names = fs.readdirSync(source).sort();
sharp.concurrency(1); // threads of one image

async function work() {
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    try {
      await sharp(path.join(source, name))
        .rotate()
        .resize(width, height, { fit: "cover" })
        // sharp would compute Huffman tables for each image by itself, which no other contender does.
        .jpeg({ quality: 95, optimiseCoding: false })
        .toFile(path.join(out, `${path.parse(name).name}.jpg`));
    } catch (error) {
      console.error(`${name}: ${error.message}`);
    }
  }
}

for (let worker = 0; worker < inFlight; worker++) work();
